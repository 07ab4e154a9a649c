import { type PointerEvent, useRef, useState } from "react";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { duration } from "@/lib/time";
import type { Scale, Stretch } from "./scale";

type Props = {
  scale: Scale;
  ticks: readonly number[];
  worded: (at: number) => string;
  onZoom: (stretch: Stretch) => void;
  onReset: () => void;
  /** Called with where a folded stretch begins. */
  onUnfold: (from: number) => void;
};

const WORD = "tabular pointer-events-none absolute top-3 whitespace-nowrap text-2xs";

/** The places of the axis. Dragging along it shows that stretch alone, a double click the whole run; a mark stands for idle time
 * that is folded, and opens it. */
export function Axis({ scale, ticks, worded, onZoom, onReset, onUnfold }: Props) {
  const start = useRef<number | null>(null);
  const [brush, setBrush] = useState<[number, number] | null>(null);
  const { place, folded } = scale;
  const share = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  const done = () => {
    const found = brush;
    start.current = null;
    setBrush(null);
    if (found && found[1] - found[0] > 0.02) onZoom({ from: scale.at(found[0]), to: scale.at(found[1]) });
  };
  // A word that a mark or the edge would cut is left out; its line stands below all the same.
  const cut = (at: number) =>
    folded.some(({ from }) => place(from) >= place(at) && place(from) - place(at) < 18);
  const hidden = (at: number) => place(at) > 78 || cut(at);
  // A short run, most of it folded, has room for its ends alone.
  const bare = ticks.every(hidden);
  const free = folded.every(({ to }) => place(to) < 78);
  return (
    <span className="@container relative h-full">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: a closer look by mouse; the same times stand in the rows */}
      <span
        title={t("Drag to look closer, double-click for the whole run")}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          start.current = share(event);
        }}
        onPointerMove={(event) => {
          if (start.current === null) return;
          const at = share(event);
          setBrush([Math.min(at, start.current), Math.max(at, start.current)]);
        }}
        onPointerUp={done}
        onPointerCancel={done}
        onDoubleClick={onReset}
        data-axis=""
        className="absolute inset-0 cursor-crosshair touch-none select-none overflow-hidden"
      >
        {ticks.map((at, index) => (
          <span
            key={at}
            style={{ left: `${place(at)}%` }}
            className={cn(
              "tabular pointer-events-none absolute top-3 whitespace-nowrap border-line border-l pl-1 text-2xs",
              hidden(at) && "hidden",
              index % 2 === 1 && "@max-[16rem]:hidden",
              index % 4 !== 0 && "@max-[8rem]:hidden",
            )}
          >
            {worded(at)}
          </span>
        ))}
        {bare && !cut(scale.from) && <span className={cn(WORD, "left-0")}>{worded(scale.from)}</span>}
        {bare && free && <span className={cn(WORD, "right-0")}>{worded(scale.to)}</span>}
        {brush && (
          <span
            style={{ left: `${brush[0] * 100}%`, width: `${(brush[1] - brush[0]) * 100}%` }}
            className="absolute inset-y-0 bg-accent-soft"
          />
        )}
      </span>
      {folded.map(({ from, to }) => (
        <button
          key={from}
          type="button"
          aria-label={t("Show the {time} in which nothing ran", { time: duration(to - from) })}
          title={t("Nothing ran for {time}", { time: duration(to - from) })}
          onClick={() => onUnfold(from)}
          style={{ left: `${(place(from) + place(to)) / 2}%` }}
          className="tabular -translate-x-1/2 absolute top-2 h-6 min-w-6 whitespace-nowrap rounded-sm bg-surface px-0.5 text-2xs text-ink hover:bg-hover"
        >
          ⋯ <span className={cn(folded.length > 2 && "sr-only")}>{duration(to - from)}</span>
        </button>
      ))}
    </span>
  );
}
