// A small editor without dependencies: a document, its variables, the result, and the schema.
const NOTICE =
  "GraphiQL did not load from its CDN, which needs access to the internet. " +
  "This small editor works without it. Reload the page to try GraphiQL again.";

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

async function sendOperation(query, variables, headers, signal) {
  const response = await fetch(window.location.pathname, {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json", ...headers },
    body: JSON.stringify({ query, variables }),
    signal,
  });
  const text = await response.text();
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return `HTTP ${response.status}\n${text}`;
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
  const schema = createElement("button", { id: "schema", type: "button" }, "Schema");
  let running = new AbortController();

  const openExample = () => {
    const tab = configuration.tabs[examples.selectedIndex];
    query.value = tab.query;
    variables.value = tab.variables;
  };
  const show = (text) => {
    running.abort();
    running = new AbortController();
    output.textContent = text;
    output.scrollTop = 0;
  };
  const runOperation = async () => {
    show("Running …");
    const { signal } = running;
    const typed = token.value.trim();
    const headers = typed === "" ? configuration.headers : { Authorization: `Bearer ${typed}` };
    try {
      const values = parseVariables(variables.value);
      const result = await sendOperation(query.value, values, headers, signal);
      if (!signal.aborted) {
        output.textContent = result;
      }
    } catch (error) {
      if (!signal.aborted) {
        output.textContent = error instanceof TypeError ? "The server did not answer." : error.message;
      }
    }
  };

  for (const tab of configuration.tabs) {
    const [, name] = /(?:query|mutation|subscription)\s+(\w+)/.exec(tab.query) ?? [, "Operation"];
    examples.append(createElement("option", {}, name));
  }
  examples.onchange = openExample;
  run.onclick = runOperation;
  schema.onclick = () => show(configuration.schema);
  schema.hidden = configuration.schema === "";
  openExample();

  const isSignedIn = "Authorization" in configuration.headers;
  const bar = createElement("div", { className: "bar" }, run, schema);
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
