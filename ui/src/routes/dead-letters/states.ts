import type { LetterState } from "@/api/types";
import { t } from "@/lib/text";
import type { Tone } from "@/ui/status";

/** Each state in a word, and what it means. */
export const STATES: Record<LetterState, { label: string; tone: Tone; meaning: string }> = {
  open: { label: t("Open"), tone: "failed", meaning: t("Nobody has acted on it yet") },
  replaying: { label: t("Replaying"), tone: "running", meaning: t("A new run has it") },
  resolved: { label: t("Resolved"), tone: "done", meaning: t("The new run completed") },
  superseded: {
    label: t("Superseded"),
    tone: "skipped",
    meaning: t("The new run failed and has a letter of its own"),
  },
  dropped: { label: t("Dropped"), tone: "cancelled", meaning: t("Somebody was done with it") },
};
