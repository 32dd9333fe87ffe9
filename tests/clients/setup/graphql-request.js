import { ClientError, GraphQLClient } from "graphql-request";
import { createFetch } from "./fetch.js";

export const createClient = ({ url, ...session }) =>
  new GraphQLClient(url, { fetch: createFetch(session) });

/** Return code, reason and further extensions of the first error. */
export const extensionsOf = (error) =>
  error instanceof ClientError ? (error.response.errors?.[0].extensions ?? {}) : {};
