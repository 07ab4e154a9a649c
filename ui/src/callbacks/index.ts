export * from "./body";
export * from "./dialogs";
export * from "./sample";
export * from "./tab";
export * from "./verdict";
