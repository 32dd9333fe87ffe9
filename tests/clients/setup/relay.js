import { Environment, Network, Observable, RecordSource, Store } from "relay-runtime";
import { createFetch } from "./fetch.js";
import { createLiveClient } from "./live.js";

export function createEnvironment({ url, ...session }) {
  const fetchWithToken = createFetch(session);
  const live = createLiveClient({ url, ...session });
  const request = ({ text, name }, variables) => ({ query: text, operationName: name, variables });
  const execute = async (operation, variables) => {
    const response = await fetchWithToken(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request(operation, variables)),
    });
    return response.json();
  };
  const subscribe = (operation, variables) =>
    Observable.create((sink) => live.subscribe(request(operation, variables), sink));
  const network = Network.create(execute, subscribe);
  const store = new Store(new RecordSource());
  return new Environment({ network, store, getDataID, missingFieldHandlers });
}

// `TaskValues`, `TaskChange` and `RejectedTask` have the id of a task, which is not theirs.
const NODES = ["Task", "User"];
const getDataID = ({ id }, type) => (NODES.includes(type) ? id : null);

// A task that a list has brought needs no request by its id.
const missingFieldHandlers = [
  {
    kind: "linked",
    handle: (field, parent, { id }) =>
      ["node", "task"].includes(field.name) && parent.getType() === "__Root" ? id : undefined,
  },
];
