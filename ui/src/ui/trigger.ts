import type { Run } from "@/api/types";
import { t } from "@/lib/text";

export type TriggerKind = Run["trigger"]["kind"];

/** How a run was started, in words. */
export const TRIGGERS: Record<TriggerKind, string> = {
  manual: t("By hand"),
  api: t("API"),
  cli: t("Command line"),
  retry: t("Re-run"),
  recorded: t("Recorded re-run"),
  flow: "Another run",
  webhook: t("Webhook"),
  schedule: t("Schedule"),
  test: t("Test"),
};
