// A small editor without dependencies: a document, its variables, the result, and the schema.
const NOTICE =
  "GraphiQL did not load from its CDN, which needs access to the internet. " +
  "This small editor works without it. Reload the page to try GraphiQL again.";

// The results of a subscription that are shown.
const MAX_RESULTS = 100;

function createElement(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function createPane(name, title, content) {
  return createElement("label", { className: `pane ${name}` }, title, content);
}

function createTextArea(id) {
  return createElement("textarea", { id, spellcheck: false, autocapitalize: "off" });
}

function parseVariables(text) {
  if (text.trim() === "") {
    return {};
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`The variables are not JSON: ${error.message}`);
  }
}

function startEditor(page) {
  const query = createTextArea("document");
  const variables = createTextArea("variables");
  const output = createElement("pre", { id: "output", tabIndex: 0 });
  output.setAttribute("aria-live", "polite");
  const token = createElement("input", { id: "token", type: "password", autocomplete: "off" });
  const examples = createElement("select", { id: "examples" });
  const run = createElement("button", { id: "run", type: "button" }, "Run (Ctrl+Enter)");
  const stop = createElement("button", { id: "stop", type: "button", disabled: true }, "Stop");
  const schema = createElement("button", { id: "schema", type: "button" }, "Schema");
  let running;

  const openExample = () => {
    const tab = configuration.tabs[examples.selectedIndex];
    query.value = tab.query;
    variables.value = tab.variables;
  };
  const stopRunning = () => {
    running?.return();
    running = undefined;
    stop.disabled = true;
  };
  const show = (text) => {
    stopRunning();
    output.textContent = text;
    output.scrollTop = 0;
  };
  const runOperation = async () => {
    show("Running …");
    const typed = token.value.trim();
    const headers = typed === "" ? configuration.headers : { Authorization: `Bearer ${typed}` };
    let results;
    const shown = [];
    const append = (text) => {
      if (running === results) {
        shown.push(text);
        output.textContent = shown.slice(-MAX_RESULTS).join("\n\n");
        output.scrollTop = shown.length > 1 ? output.scrollHeight : 0;
      }
    };
    try {
      const parameters = { query: query.value, variables: parseVariables(variables.value) };
      results = running = requestResults(parameters, headers);
      stop.disabled = false;
      for await (const result of results) {
        append(JSON.stringify(result, null, 2));
      }
    } catch (error) {
      append(error instanceof TypeError ? "The connection to the server failed." : error.message);
    }
    if (running === results) {
      stopRunning();
    }
  };

  for (const tab of configuration.tabs) {
    const [, name] = /(?:query|mutation|subscription)\s+(\w+)/.exec(tab.query) ?? [, "Operation"];
    examples.append(createElement("option", {}, name));
  }
  examples.onchange = openExample;
  run.onclick = runOperation;
  stop.onclick = stopRunning;
  schema.onclick = () => show(configuration.schema);
  schema.hidden = configuration.schema === "";
  openExample();

  const isSignedIn = "Authorization" in configuration.headers;
  const bar = createElement("div", { className: "bar" }, run, stop, schema);
  bar.append(createElement("label", {}, "Example: ", examples));
  if (!isSignedIn) {
    bar.append(createElement("label", {}, "Token: ", token));
  }
  const editor = createElement(
    "div",
    { className: "editor" },
    createElement("p", { className: "notice", role: "status" }, NOTICE),
    bar,
    createPane("document", "Document", query),
    createPane("variables", "Variables (JSON)", variables),
    createElement("div", { className: "pane output" }, "Result", output),
  );
  editor.onkeydown = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      runOperation();
    }
  };
  page.replaceChildren(editor);
  query.focus();
}
