import {
  CircleCheck,
  ClockAlert,
  ClockArrowUp,
  Copy,
  FileX,
  Hand,
  KeyRound,
  type LucideIcon,
  ShieldAlert,
} from "lucide-react";
import type { Attempted, Refusal, Verdict } from "@/api/types";
import { Badge, type Tone } from "@/ui";

export type Look = { label: string; icon: LucideIcon; tone: Tone; meaning: string };

/** What the sender was told, in words. */
export const VERDICTS: Record<Verdict, Look> = {
  accepted: { label: "Accepted", icon: CircleCheck, tone: "done", meaning: "The run went on with it" },
  duplicate: {
    label: "Duplicate",
    icon: Copy,
    tone: "cancelled",
    meaning: "One had come before; this one changed nothing",
  },
  gone: {
    label: "Too late",
    icon: ClockAlert,
    tone: "timeout",
    meaning: "The wait was over, or the run had ended",
  },
  invalid: {
    label: "Invalid",
    icon: FileX,
    tone: "failed",
    meaning: "Not what the step expects; the wait stayed open",
  },
  unknown: {
    label: "Bad token",
    icon: KeyRound,
    tone: "warning",
    meaning: "Its token is not one of this run; it was refused, its body not kept",
  },
  refused: {
    label: "Refused",
    icon: ShieldAlert,
    tone: "failed",
    meaning: "It did not prove who sent it; the wait stayed open, its body was not kept",
  },
};

/** Why a call was refused. */
const REFUSED: Record<Refusal, { label: string; meaning: string }> = {
  network: { label: "Wrong address", meaning: "It came from an address that is not among those allowed" },
  unsigned: { label: "Not signed", meaning: "A header that proves the sender is missing" },
  malformed: { label: "Bad signature", meaning: "A header that proves the sender cannot be read" },
  stale: {
    label: "Too old",
    meaning: "It was signed more than five minutes ago; is the sender's clock right?",
  },
  future: { label: "From the future", meaning: "It was signed more than five minutes ahead of our clock" },
  mismatch: {
    label: "Bad signature",
    meaning: "Its signature fits no valid secret: another secret, or a changed body",
  },
  replayed: { label: "Replayed", meaning: "The same message was taken already, by another run" },
  "no-secret": { label: "No secret", meaning: "The signing secret is gone, or does not suit the mode" },
  unread: { label: "Refused", meaning: "The step does not say how a sender proves itself" },
};

const EARLY: Look = {
  label: "Early, kept",
  icon: ClockArrowUp,
  tone: "done",
  meaning: "It came before the run waited for it; it was kept, and the run went on with it",
};
const BY_HAND: Look = { label: "By hand", icon: Hand, tone: "retried", meaning: "A person gave the body" };

/** The look of one attempt: an accepted one may have been early, or by a person. */
export function lookOfAttempt(attempt: Pick<Attempted, "verdict" | "early" | "by" | "refusal">): Look {
  if (attempt.refusal) {
    const { label, meaning } = REFUSED[attempt.refusal];
    return { ...VERDICTS.refused, label, meaning: `${meaning}; the wait stayed open` };
  }
  if (attempt.verdict !== "accepted") return VERDICTS[attempt.verdict];
  if (attempt.by) return BY_HAND;
  return attempt.early ? EARLY : VERDICTS.accepted;
}

export function VerdictBadge({ look }: { look: Look }) {
  const { label, icon: Icon, tone, meaning } = look;
  return (
    <span title={meaning} className="inline-flex">
      <Badge tone={tone}>
        <Icon aria-hidden className="size-3" />
        {label}
      </Badge>
    </span>
  );
}
