export * from "./connect";
export * from "./edit";
export * from "./layout";
export * from "./model";
