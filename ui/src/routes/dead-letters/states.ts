import type { LetterState } from "@/api/types";
import type { Tone } from "@/ui/status";

/** Each state in a word, and what it means. */
export const STATES: Record<LetterState, { label: string; tone: Tone; meaning: string }> = {
  open: { label: "Open", tone: "failed", meaning: "Nobody has acted on it yet" },
  replaying: { label: "Replaying", tone: "running", meaning: "A new run has it" },
  resolved: { label: "Resolved", tone: "done", meaning: "The new run completed" },
  superseded: {
    label: "Superseded",
    tone: "skipped",
    meaning: "The new run failed and has a letter of its own",
  },
  dropped: { label: "Dropped", tone: "cancelled", meaning: "Somebody was done with it" },
};
