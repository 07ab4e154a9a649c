export * from "./connections";
export * from "./keys";
export * from "./kinds";
export * from "./orchestrators";
export * from "./providers";
export * from "./runs";
export * from "./session";
