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
import { t } from "@/lib/text";
import { Badge, type Tone } from "@/ui";

export type Look = { label: string; icon: LucideIcon; tone: Tone; meaning: string };

/** What the sender was told, in words. */
export const VERDICTS: Record<Verdict, Look> = {
  accepted: { label: t("Accepted"), icon: CircleCheck, tone: "done", meaning: t("The run went on with it") },
  duplicate: {
    label: t("Duplicate"),
    icon: Copy,
    tone: "cancelled",
    meaning: t("One had come before; this one changed nothing"),
  },
  gone: {
    label: t("Too late"),
    icon: ClockAlert,
    tone: "timeout",
    meaning: t("The wait was over, or the run had ended"),
  },
  invalid: {
    label: t("Invalid"),
    icon: FileX,
    tone: "failed",
    meaning: t("Not what the step expects; the wait stayed open"),
  },
  unknown: {
    label: t("Bad token"),
    icon: KeyRound,
    tone: "warning",
    meaning: t("Its token is not one of this run; it was refused, its body not kept"),
  },
  refused: {
    label: t("Refused"),
    icon: ShieldAlert,
    tone: "failed",
    meaning: t("It did not prove who sent it; the wait stayed open, its body was not kept"),
  },
};

/** Why a call was refused. */
const REFUSED: Record<Refusal, { label: string; meaning: string }> = {
  network: {
    label: t("Wrong address"),
    meaning: t("It came from an address that is not among those allowed"),
  },
  unsigned: { label: t("Not signed"), meaning: t("A header that proves the sender is missing") },
  malformed: { label: t("Bad signature"), meaning: t("A header that proves the sender cannot be read") },
  stale: {
    label: t("Too old"),
    meaning: t("It was signed more than five minutes ago; is the sender's clock right?"),
  },
  future: {
    label: t("From the future"),
    meaning: t("It was signed more than five minutes ahead of our clock"),
  },
  mismatch: {
    label: t("Bad signature"),
    meaning: t("Its signature fits no valid secret: another secret, or a changed body"),
  },
  replayed: { label: t("Replayed"), meaning: t("The same message was taken already, by another run") },
  "no-secret": { label: t("No secret"), meaning: t("The signing secret is gone, or does not suit the mode") },
  unread: { label: t("Refused"), meaning: t("The step does not say how a sender proves itself") },
};

const EARLY: Look = {
  label: t("Early, kept"),
  icon: ClockArrowUp,
  tone: "done",
  meaning: t("It came before the run waited for it; it was kept, and the run went on with it"),
};
const BY_HAND: Look = {
  label: t("By hand"),
  icon: Hand,
  tone: "retried",
  meaning: t("A person gave the body"),
};

/** The look of one attempt: an accepted one may have been early, or by a person. */
export function lookOfAttempt(attempt: Pick<Attempted, "verdict" | "early" | "by" | "refusal">): Look {
  if (attempt.refusal) {
    const { label, meaning } = REFUSED[attempt.refusal];
    return { ...VERDICTS.refused, label, meaning: t("{meaning}; the wait stayed open", { meaning }) };
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
