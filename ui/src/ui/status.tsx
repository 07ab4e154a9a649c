import {
  Check,
  CircleCheck,
  CircleDashed,
  CircleHelp,
  CirclePause,
  Clock,
  ClockAlert,
  Hourglass,
  LoaderCircle,
  type LucideIcon,
  OctagonX,
  Plug,
  PlugZap,
  RotateCw,
  ShieldAlert,
  SquareX,
  TriangleAlert,
} from "lucide-react";
import type { ConnectionStatus, NodeState, RunState } from "@/api/types";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";

/** Every state word of the API, and four that the screens derive. */
export type Status = RunState | NodeState | ConnectionStatus | "RETRIED" | "WARNING" | "UNKNOWN" | "OK";
export type Tone =
  | "queued"
  | "running"
  | "waiting"
  | "held"
  | "done"
  | "retried"
  | "warning"
  | "failed"
  | "timeout"
  | "cancelled"
  | "skipped"
  | "unknown";

type Look = { label: string; icon: LucideIcon; tone: Tone; meaning: string };

/** Icon, word and colour: never the colour alone. */
export const STATUS: Record<Status, Look> = {
  PENDING: { label: t("Pending"), icon: CircleDashed, tone: "queued", meaning: t("Not reached yet") },
  QUEUED: { label: t("Queued"), icon: Clock, tone: "queued", meaning: t("Accepted, waits for its turn") },
  RUNNING: { label: t("Running"), icon: LoaderCircle, tone: "running", meaning: t("Work is happening") },
  WAITING: {
    label: t("Waiting"),
    icon: Hourglass,
    tone: "waiting",
    meaning: t("For a callback, a person or a time"),
  },
  HELD: { label: t("Held"), icon: ShieldAlert, tone: "held", meaning: t("Its platform is out of order") },
  COMPLETED: { label: t("Completed"), icon: CircleCheck, tone: "done", meaning: t("Done") },
  RETRIED: {
    label: t("Completed"),
    icon: RotateCw,
    tone: "retried",
    meaning: t("Done, not at the first try"),
  },
  WARNING: {
    label: t("Warning"),
    icon: TriangleAlert,
    tone: "warning",
    meaning: t("Done, with something to look at"),
  },
  FAILED: { label: t("Failed"), icon: OctagonX, tone: "failed", meaning: t("Will not go on by itself") },
  TIMED_OUT: {
    label: t("Timed out"),
    icon: ClockAlert,
    tone: "timeout",
    meaning: t("A limit was reached; the remote end may be unknown"),
  },
  CANCELLED: {
    label: t("Cancelled"),
    icon: SquareX,
    tone: "cancelled",
    meaning: t("Stopped by a person or a rule"),
  },
  SKIPPED: {
    label: t("Skipped"),
    icon: CircleDashed,
    tone: "skipped",
    meaning: t("Its branch was not taken"),
  },
  UNKNOWN: {
    label: t("Unknown"),
    icon: CircleHelp,
    tone: "unknown",
    meaning: t("The platform does not answer or gave no id"),
  },
  ACTIVE: { label: t("Active"), icon: Plug, tone: "done", meaning: t("The last test was good") },
  INACTIVE: {
    label: t("Switched off"),
    icon: CirclePause,
    tone: "cancelled",
    meaning: t("Not used until switched on"),
  },
  FAILING: { label: t("Failing"), icon: PlugZap, tone: "failed", meaning: t("The last call or test failed") },
  OK: { label: t("OK"), icon: Check, tone: "done", meaning: t("As it should be") },
};

/** The same colours as classes; for bars, dots and edges use `bg-…`, or the variable `var(--st-…)`. */
export const TONE_TEXT: Record<Tone, string> = {
  queued: "text-st-queued",
  running: "text-st-running",
  waiting: "text-st-waiting",
  held: "text-st-held",
  done: "text-st-done",
  retried: "text-st-retried",
  warning: "text-st-warning",
  failed: "text-st-failed",
  timeout: "text-st-timeout",
  cancelled: "text-st-cancelled",
  skipped: "text-st-skipped",
  unknown: "text-st-unknown",
};

export const TONE_BG: Record<Tone, string> = {
  queued: "bg-st-queued",
  running: "bg-st-running",
  waiting: "bg-st-waiting",
  held: "bg-st-held",
  done: "bg-st-done",
  retried: "bg-st-retried",
  warning: "bg-st-warning",
  failed: "bg-st-failed",
  timeout: "bg-st-timeout",
  cancelled: "bg-st-cancelled",
  skipped: "bg-st-skipped",
  unknown: "bg-st-unknown",
};

/** The look of a state word; a word that is newer than this page is "unknown" and keeps its own text. */
export function lookOf(status: string): Look {
  return STATUS[status as Status] ?? { ...STATUS.UNKNOWN, label: status };
}

/** The icon alone, with its word for screen readers; only beside the word or where a legend is. */
export function StatusIcon({
  status,
  className,
  hidden,
}: {
  status: string;
  className?: string;
  hidden?: boolean;
}) {
  const { icon: Icon, label, tone } = lookOf(status);
  return (
    <Icon
      className={cn(
        "size-4 shrink-0",
        TONE_TEXT[tone],
        status === "RUNNING" && "animate-spin [animation-duration:1.6s]",
        className,
      )}
      {...(hidden ? { "aria-hidden": true } : { role: "img", "aria-label": label })}
    />
  );
}

type BadgeProps = { status: string; attempts?: number; plain?: boolean; className?: string };

/** A state in words. `attempts` above 1 shows "↻2". `plain`: without the tinted ground, for tables. */
export function StatusBadge({ status, attempts, plain, className }: BadgeProps) {
  const shown = status === "COMPLETED" && (attempts ?? 1) > 1 ? "RETRIED" : status;
  const { label, tone, meaning } = lookOf(shown);
  return (
    <span
      title={meaning}
      className={cn(
        "inline-flex w-fit shrink-0 items-center gap-1 whitespace-nowrap font-medium text-xs",
        TONE_TEXT[tone],
        !plain && "rounded-full bg-current/8 px-2 py-0.5",
        className,
      )}
    >
      <StatusIcon status={shown} hidden className="size-3.5" />
      {label}
      {(attempts ?? 1) > 1 && <span className="tabular text-2xs">↻{attempts}</span>}
    </span>
  );
}

/** What each state looks like and means; behind an ⓘ button on screens that show states. */
export function StatusLegend({ of }: { of: readonly Status[] }) {
  return (
    <dl className="grid grid-cols-[auto_1fr] items-center gap-x-4 gap-y-2 text-sm">
      {of.map((status) => (
        <div key={status} className="contents">
          <dt>
            <StatusBadge status={status} plain />
          </dt>
          <dd className="text-muted">{STATUS[status].meaning}</dd>
        </div>
      ))}
    </dl>
  );
}

export const RUN_STATES: readonly RunState[] = [
  "PENDING",
  "RUNNING",
  "WAITING",
  "COMPLETED",
  "FAILED",
  "CANCELLED",
];
export const NODE_STATES: readonly NodeState[] = [
  "PENDING",
  "QUEUED",
  "RUNNING",
  "WAITING",
  "HELD",
  "COMPLETED",
  "FAILED",
  "TIMED_OUT",
  "CANCELLED",
  "SKIPPED",
];
