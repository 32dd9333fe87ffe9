// Export and import in a browser. `api` is the URL of the server, and `fetch` sends the token.

/** Save all tasks as a file, in the format `csv` or `json`. */
export async function downloadTasks(api, fetch, format = "csv") {
  const response = await fetch(`${api}/export?format=${format}`);
  if (!response.ok) throw new Error(`The export failed with status ${response.status}.`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = `tasks.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Import a file that the user chose, and return the numbers of its tasks. */
export async function importTasks(api, fetch, file) {
  // The `type` of a CSV file depends on the programs of the computer.
  const type = /\.json$/i.test(file.name) ? "application/json" : "text/csv";
  const headers = { "content-type": type };
  const response = await fetch(`${api}/import`, { method: "POST", headers, body: file });
  const result = await response.json();
  if (!response.ok) throw new Error(result.errors[0].message);
  return result;
}
