import type { Run } from "@/api/types";

export type TriggerKind = Run["trigger"]["kind"];

/** How a run was started, in words. */
export const TRIGGERS: Record<TriggerKind, string> = {
  manual: "By hand",
  api: "API",
  cli: "Command line",
  retry: "Re-run",
  recorded: "Recorded re-run",
  flow: "Another run",
  webhook: "Webhook",
  schedule: "Schedule",
  test: "Test",
};
