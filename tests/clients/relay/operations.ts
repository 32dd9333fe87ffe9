import { graphql } from "relay-runtime";

export const homeQuery = graphql`
  query operationsHomeQuery($first: Int) {
    me {
      id
      ...operationsTaskList @arguments(first: $first)
    }
  }
`;

export const taskList = graphql`
  fragment operationsTaskList on User
  @argumentDefinitions(first: { type: "Int", defaultValue: 50 }, after: { type: "String" })
  @refetchable(queryName: "operationsTaskListPaginationQuery") {
    tasks(first: $first, after: $after, orderBy: [{ field: TITLE }])
      @connection(key: "TaskList_tasks") {
      __id
      edges {
        node {
          id
          title
          ...operationsTask
        }
      }
    }
  }
`;

export const openTasksQuery = graphql`
  query operationsOpenTasksQuery($first: Int) {
    ...operationsOpenTasks @arguments(first: $first)
  }
`;

export const openTasks = graphql`
  fragment operationsOpenTasks on Query
  @argumentDefinitions(first: { type: "Int", defaultValue: 50 }, after: { type: "String" })
  @refetchable(queryName: "operationsOpenTasksPaginationQuery") {
    tasks(first: $first, after: $after, filter: { completed: false })
      @connection(key: "OpenTasks_tasks") {
      edges {
        node {
          id
          title
        }
      }
    }
  }
`;

export const task = graphql`
  fragment operationsTask on Task @refetchable(queryName: "operationsTaskRefetchQuery") {
    id
    title
    priority
    dueOn
    createdAt
    revision
  }
`;

export const createTask = graphql`
  mutation operationsCreateTaskMutation($input: CreateTaskInput!, $connections: [ID!]!) {
    createTask(input: $input) {
      task @prependNode(connections: $connections, edgeTypeName: "TaskEdge") {
        id
        title
        ...operationsTask
      }
    }
  }
`;

export const updateTask = graphql`
  mutation operationsUpdateTaskMutation($id: ID!, $input: UpdateTaskInput!) {
    updateTask(id: $id, input: $input) {
      task {
        ...operationsTask
      }
    }
  }
`;

export const updateTasks = graphql`
  mutation operationsUpdateTasksMutation($ids: [ID!], $input: UpdateTasksInput!) {
    updateTasks(ids: $ids, input: $input) {
      tasks {
        ...operationsTask
      }
      previous {
        id
        title
        expectedRevision
      }
    }
  }
`;

export const deleteTask = graphql`
  mutation operationsDeleteTaskMutation($id: ID!, $connections: [ID!]!) {
    deleteTask(id: $id) {
      task {
        id @deleteEdge(connections: $connections)
      }
    }
  }
`;

export const taskChanges = graphql`
  query operationsTaskChangesQuery($since: String) {
    taskChanges(since: $since) {
      cursor
      changes {
        id
        revision
        task {
          ...operationsTask
        }
      }
    }
  }
`;

export const dueToday = graphql`
  query operationsDueTodayQuery($timeZone: String!) {
    tasks(
      first: 9
      timeZone: $timeZone
      filter: { due: { from: "2099-12-01", to: "2099-12-01" } }
    ) @connection(key: "DueToday_tasks") {
      edges {
        node {
          id
          title
        }
      }
    }
  }
`;

// Never sent: it makes the compiler generate the types of error codes and reasons.
export const errorCodes = graphql`
  query operationsErrorCodesQuery {
    errorCodes {
      code
      inputReasons
      conflictReasons
    }
  }
`;

export const taskChanges = graphql`
  subscription operationsTaskChangesSubscription($since: String) {
    taskChanges(since: $since) {
      reset
      hasMore
      cursor
      changes {
        id
        task {
          id
          title
          ...operationsTask
        }
      }
    }
  }
`;
