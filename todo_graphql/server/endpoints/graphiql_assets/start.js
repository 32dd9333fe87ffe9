// GraphiQL comes from a CDN. Where it does not load in time, the small editor takes its place.
const LOAD_MILLISECONDS = 3000;

function loadFile({ kind, url, integrity }) {
  const element = document.createElement(kind);
  element.crossOrigin = "anonymous";
  element.integrity = integrity;
  if (kind === "link") {
    element.rel = "stylesheet";
    element.href = url;
  } else {
    element.async = false; // in the order of the list
    element.src = url;
  }
  return new Promise((resolve, reject) => {
    element.onload = resolve;
    element.onerror = () => reject(new Error(`${url} did not load.`));
    document.head.append(element);
  });
}

function startGraphiQL(page) {
  // The headers editor adds to these headers and overrides them.
  const fetcher = (parameters, { headers } = {}) =>
    requestResults(parameters, { ...configuration.headers, ...headers });
  ReactDOM.createRoot(page).render(
    React.createElement(GraphiQL, {
      fetcher,
      defaultTabs: configuration.tabs,
      defaultEditorToolsVisibility: "variables",
      inputValueDeprecation: true,
    }),
  );
}

function start(page) {
  let isSettled = false;
  const settle = (open) => {
    if (!isSettled) {
      isSettled = true;
      open(page);
    }
  };
  const deadline = setTimeout(settle, LOAD_MILLISECONDS, startEditor);
  Promise.all(configuration.files.map(loadFile)).then(
    () => settle(startGraphiQL),
    () => settle(startEditor),
  ).finally(() => clearTimeout(deadline));
}

start(document.getElementById("graphiql"));
