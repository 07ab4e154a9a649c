export * from "./credentials";
export * from "./left-out";
export * from "./result";
export * from "./steps";
