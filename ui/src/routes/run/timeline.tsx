import type { NodeRun, RunDetail } from "@/api/types";
import { cn } from "@/lib/cn";
import { duration, elapsed } from "@/lib/time";
import { useNow } from "@/lib/use-now";
import { lookOf, StatusIcon, TONE_BG, TONE_TEXT } from "@/ui";
import { kept, type Selection } from "./steps";

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400];

/** Every step on one axis, counted from the run's start. A thin line is the whole of a step, a bar is one attempt; a hatched
 * bar waits. */
export function Timeline({ run, selected, onSelect }: { run: RunDetail } & Selection) {
  const open = run.startedAt !== null && run.finishedAt === null;
  const clock = useNow(open ? 1000 : 0);
  const begin = Date.parse(run.startedAt ?? run.createdDate);
  const now = Math.max(clock, begin);
  const end = run.finishedAt ? Date.parse(run.finishedAt) : now;
  const span = Math.max(end - begin, 100);
  const place = (at: number) => Math.min(100, Math.max(0, ((at - begin) / span) * 100));
  return (
    <div className="flex h-full flex-col">
      <div className="grid h-8 shrink-0 grid-cols-[minmax(0,11rem)_1fr_4.5rem] items-center gap-3 border-b px-4 text-muted text-xs">
        <span>Step</span>
        <span aria-hidden className="relative h-full">
          {ticks(span).map((at) => (
            <span
              key={at}
              style={{ left: `${(at / span) * 100}%` }}
              className="tabular absolute top-2 whitespace-nowrap border-line border-l pl-1 text-2xs"
            >
              {duration(at)}
            </span>
          ))}
        </span>
        <span className="text-right">Duration</span>
      </div>
      <ol aria-label="Timeline" className="min-h-0 flex-1 overflow-y-auto py-1">
        {run.nodes.map((node) => {
          const { label, tone } = lookOf(node.status);
          const took = elapsed(node.startedAt, node.finishedAt, now);
          return (
            <li key={node.id}>
              <button
                type="button"
                aria-current={selected === node.id || undefined}
                onClick={() => onSelect(node.id)}
                className={cn(
                  "grid h-8 w-full grid-cols-[minmax(0,11rem)_1fr_4.5rem] items-center gap-3 px-4 text-left text-sm -outline-offset-2 hover:bg-hover",
                  selected === node.id && "bg-accent-soft",
                )}
              >
                <span className="flex min-w-0 items-center gap-2">
                  <StatusIcon status={node.status} hidden className="size-3.5" />
                  <span className="truncate">{node.label || node.id}</span>
                  <span className="sr-only">, {label},</span>
                </span>
                <Bars node={node} end={end} place={place} />
                <span className={cn("tabular text-right text-xs", took === null && TONE_TEXT[tone])}>
                  {took !== null ? duration(took) : kept(node) ? "Kept" : label}
                </span>
              </button>
            </li>
          );
        })}
      </ol>
    </div>
  );
}

type BarsProps = { node: NodeRun; end: number; place: (at: number) => number };

function Bars({ node, end, place }: BarsProps) {
  const { tone } = lookOf(node.status);
  if (node.startedAt === null) return <span aria-hidden className="h-px bg-line" />;
  const from = Date.parse(node.startedAt);
  const to = node.finishedAt ? Date.parse(node.finishedAt) : end;
  // Between a line of the stream and the next fetch a step is known to run, its attempt is not.
  const tries = node.attempts.length
    ? node.attempts.map((each) => ({
        number: each.attempt,
        from: Date.parse(each.startedAt),
        to: each.finishedAt ? Date.parse(each.finishedAt) : to,
        failed: each.error !== null,
      }))
    : [{ number: 1, from, to, failed: false }];
  const box = (start: number, stop: number) => ({
    left: `${place(start)}%`,
    width: `${Math.max(0, place(stop) - place(start))}%`,
  });
  return (
    <span aria-hidden className="relative h-full">
      <span style={box(from, to)} className="absolute top-1/2 h-px min-w-0.5 bg-edge" />
      {tries.map((each, index) => {
        const last = index === tries.length - 1;
        const waits = last && (node.status === "WAITING" || node.status === "HELD");
        return (
          <span
            key={each.number}
            style={{
              ...box(each.from, each.to),
              ...(waits && {
                backgroundImage: "repeating-linear-gradient(135deg, currentColor 0 3px, transparent 3px 7px)",
              }),
            }}
            className={cn(
              "absolute top-2.5 h-3 min-w-1 rounded-[3px]",
              waits
                ? ["border border-current", TONE_TEXT[tone]]
                : TONE_BG[each.failed && !last ? "failed" : tone],
              node.status === "QUEUED" && "top-3.5 h-1",
            )}
          />
        );
      })}
    </span>
  );
}

/** Round places on the axis, four or five of them, in milliseconds. */
function ticks(span: number): number[] {
  const size =
    (STEPS.find((step) => span / (step * 1000) <= 5) ?? 86_400 * Math.ceil(span / 4 / 86_400_000)) * 1000;
  return Array.from({ length: Math.floor(span / size) }, (_, index) => (index + 1) * size).filter(
    (at) => at < span * 0.94,
  );
}
