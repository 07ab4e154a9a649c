export * from "./revealable";
