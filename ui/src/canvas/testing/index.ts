export { TestingProvider } from "./context";
export { PinButton } from "./pin-button";
export { PlanSteps } from "./plan-steps";
export { TestFooter } from "./test-footer";
export { useTestActions, useTestOnShow } from "./use-tester";
