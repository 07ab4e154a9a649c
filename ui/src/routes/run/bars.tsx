import { cn } from "@/lib/cn";
import { TONE_BG, TONE_TEXT, type Tone } from "@/ui";
import type { Segment } from "./segments";

/** Where a time stands on the axis, in percent. */
export type Place = (at: number) => number;
/** Something that happened at one moment: a callback, or an error of the log. */
export type Dot = { at: number; failed: boolean; text: string };

type Props = {
  segments: readonly Segment[];
  /** Of the last segment. */
  tone: Tone;
  place: Place;
  dots?: readonly Dot[];
  small?: boolean;
  /** On the critical path. */
  underlined?: boolean;
};

const HATCH = "repeating-linear-gradient(135deg, currentColor 0 3px, transparent 3px 7px)";

/** A row of the timeline: decoration, its words stand beside it. */
export function Bars({ segments, tone, place, dots = [], small = false, underlined = false }: Props) {
  const [first, last] = [segments[0], segments.at(-1)];
  const retried = segments.some((each) => each.attempt > 1);
  const box = (from: number, to: number) => {
    const left = Math.min(100, Math.max(0, place(from)));
    return { left: `${left}%`, width: `${Math.max(0, Math.min(100, place(to)) - left)}%` };
  };
  const outside = (from: number, to: number) => place(to) < 0 || place(from) > 100;
  return (
    <span aria-hidden className="relative h-full overflow-hidden">
      {first && last && !outside(first.from, last.to) && (
        <span style={box(first.from, last.to)} className="absolute top-1/2 h-px min-w-0.5 bg-edge" />
      )}
      {underlined && first && last && !outside(first.from, last.to) && (
        <span style={box(first.from, last.to)} className="absolute bottom-0 h-0.5 min-w-1 bg-ink" />
      )}
      {segments.map((each, index) => {
        if (outside(each.from, each.to)) return null;
        const final = index === segments.length - 1;
        const color: Tone =
          each.phase === "waiting"
            ? "waiting"
            : each.phase === "held"
              ? "held"
              : each.phase === "queued"
                ? "queued"
                : each.failed && !final
                  ? "failed"
                  : tone === "waiting" || tone === "queued"
                    ? "running"
                    : tone;
        const striped = each.phase === "waiting" || each.phase === "held";
        return (
          <span
            key={`${each.attempt} ${each.from}`}
            style={{ ...box(each.from, each.to), ...(striped && { backgroundImage: HATCH }) }}
            className={cn(
              "absolute top-1/2 grid min-w-1 -translate-y-1/2 place-items-center overflow-hidden rounded-[3px]",
              small ? "h-2" : "h-3",
              striped ? ["border border-current", TONE_TEXT[color]] : TONE_BG[color],
              each.phase === "queued" && "h-1 opacity-70",
            )}
          >
            {retried && !small && !striped && each.phase === "running" && (
              <span className="@container w-full text-center">
                <span className="tabular @min-[1rem]:inline hidden text-[0.5625rem] text-surface leading-3">
                  {each.attempt}
                </span>
              </span>
            )}
          </span>
        );
      })}
      {dots.map((dot) =>
        outside(dot.at, dot.at) ? null : (
          <span
            key={`${dot.at} ${dot.text}`}
            title={dot.text}
            style={{ left: `calc(${Math.min(place(dot.at), 98.5)}% - 3px)` }}
            className={cn(
              "absolute bottom-0.5 size-1.5 rounded-full ring-1 ring-surface",
              dot.failed ? "bg-st-failed" : "bg-st-waiting",
            )}
          />
        ),
      )}
    </span>
  );
}
