import { useEffect, useMemo, useState } from "react";
import type { LogLine, RunDetail } from "@/api/types";
import { moments, span } from "./at";

export type Speed = 1 | 10;
export type Time = ReturnType<typeof useTime>;

/** The time on show of a run that is over; begins at its end. */
export function useTime(run: RunDetail, lines: readonly LogLine[]) {
  const { start, end } = useMemo(() => span(run, lines), [run, lines]);
  const stops = useMemo(() => [...new Set([start, ...moments(lines), end])], [start, lines, end]);
  const [chosen, setChosen] = useState<number | null>(null);
  const [speed, setSpeed] = useState<Speed>(1);
  const [playing, setPlaying] = useState(false);
  const now = Math.min(end, Math.max(start, chosen ?? end));
  const go = (time: number) => setChosen(time >= end ? null : Math.max(start, time));

  useEffect(() => {
    if (!playing) return;
    let before = performance.now();
    let frame = requestAnimationFrame(function tick(at) {
      const passed = Math.max(0, at - before) * speed;
      before = at;
      setChosen((time) => (time === null || time + passed >= end ? null : time + passed));
      frame = requestAnimationFrame(tick);
    });
    return () => cancelAnimationFrame(frame);
  }, [playing, speed, end]);
  useEffect(() => {
    if (chosen === null) setPlaying(false);
  }, [chosen]);

  return {
    start,
    end,
    stops,
    now,
    speed,
    playing,
    setSpeed,
    go: (time: number) => {
      setPlaying(false);
      go(time);
    },
    /** To the next or the previous moment at which something changed. */
    step: (direction: 1 | -1) => {
      setPlaying(false);
      const next = direction === 1 ? stops.find((stop) => stop > now) : stops.findLast((stop) => stop < now);
      if (next !== undefined) go(next);
    },
    toggle: () => {
      if (!playing && now >= end) setChosen(start);
      setPlaying(!playing);
    },
  };
}
