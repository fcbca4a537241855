// Walks every page with types made from the document, and prints the ids it met.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Task = components["schemas"]["Task"];

const client = createClient<paths>({
  baseUrl: process.argv[2]!,
  querySerializer: { array: { style: "form", explode: true } },
});

async function* tasks(): AsyncGenerator<Task> {
  let cursor: string | undefined;
  do {
    const { data, error } = await client.GET("/v1/tasks", {
      params: { query: cursor ? { cursor } : { status: ["failed", "warning"], limit: 50 } },
    });
    if (!data) throw new Error(error?.detail);
    yield* data.items;
    cursor = data.page.next_cursor ?? undefined;
  } while (cursor);
}

const ids: string[] = [];
for await (const task of tasks()) {
  // A closed set and a nullable field, as the types have them.
  if (task.status_group === "failure" && task.error === null) throw new Error("no error");
  ids.push(task.upstream_id);
}

const { data: one } = await client.GET("/v1/tasks/{id}", { params: { path: { id: ids[0]! } } });
if (one?.upstream_id !== ids[0]) throw new Error("another task");

const { error } = await client.GET("/v1/tasks", { params: { query: { cursor: "AbC" } } });
if (error?.code !== "cursor-malformed") throw new Error("no problem told");

console.log(JSON.stringify(ids));
