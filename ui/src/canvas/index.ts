export * from "./editor";
