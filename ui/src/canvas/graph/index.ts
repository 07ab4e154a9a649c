export * from "./align";
export * from "./connect";
export * from "./edit";
export * from "./frames";
export * from "./insert";
export * from "./layout";
export * from "./model";
