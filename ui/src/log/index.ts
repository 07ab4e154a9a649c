export * from "./model";
export * from "./pane";
