import { Pause, Play, StepBack, StepForward } from "lucide-react";
import { NODE_STATE_OF } from "@/api/events";
import type { LogLine, RunDetail } from "@/api/types";
import { named } from "@/lib/hotkeys";
import { idsOf, keyOf, useShortcuts } from "@/lib/shortcuts";
import { rich, t } from "@/lib/text";
import { clock, duration } from "@/lib/time";
import { IconButton, lookOf, Segmented, TONE_BG } from "@/ui";
import type { Speed, Time } from "./use-time";

type Props = { time: Time; run: RunDetail; lines: readonly LogLine[]; loading: boolean };

/** The time of a replay: dragged, played, or stepped from change to change. */
export function Scrubber({ time, run, lines, loading }: Props) {
  const { start, end, now } = time;
  const whole = Math.max(1, end - start);
  useShortcuts({ stepBack: () => time.step(-1), stepOn: () => time.step(1) });
  const ended = run.nodes.length;
  const marks = lines.filter(
    (line) =>
      line.nodeId !== null &&
      ["COMPLETED", "FAILED", "TIMED_OUT", "CANCELLED"].includes(NODE_STATE_OF[line.kind] ?? ""),
  );
  return (
    <section
      aria-label={t("Replay")}
      aria-busy={loading || undefined}
      className="flex shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-t bg-surface px-3 py-1.5"
    >
      <div className="flex items-center gap-0.5">
        <IconButton
          label={t("Step back")}
          shortcut={keyOf("stepBack")}
          icon={StepBack}
          side="top"
          onClick={() => time.step(-1)}
        />
        <IconButton
          label={time.playing ? t("Pause") : t("Play")}
          icon={time.playing ? Pause : Play}
          side="top"
          onClick={time.toggle}
        />
        <IconButton
          label={t("Step on")}
          shortcut={keyOf("stepOn")}
          icon={StepForward}
          side="top"
          onClick={() => time.step(1)}
        />
      </div>
      <Segmented
        label={t("Speed")}
        value={String(time.speed)}
        onChange={(speed) => time.setSpeed(Number(speed) as Speed)}
        options={[
          { value: "1", label: "×1" },
          { value: "10", label: "×10" },
        ]}
      />
      <div className="relative flex h-8 min-w-40 flex-1 items-center">
        {marks.map((line) => (
          <span
            key={line.seq}
            aria-hidden
            style={{ left: `calc(8px + (100% - 16px) * ${(Date.parse(line.at) - start) / whole})` }}
            className={`-translate-x-1/2 pointer-events-none absolute bottom-0.5 h-1.5 w-0.5 rounded-full ${TONE_BG[lookOf(NODE_STATE_OF[line.kind] ?? "").tone]}`}
          />
        ))}
        <input
          type="range"
          aria-label={t("Time in the run")}
          aria-valuetext={t("{time} after its start", { time: duration(now - start) })}
          min={0}
          max={whole}
          step={1}
          value={Math.round(now - start)}
          onKeyDown={(event) => {
            const ids = idsOf(named(event.nativeEvent)); // the keys of the screen are silent in a field
            if (ids.includes("stepBack")) time.step(-1);
            if (ids.includes("stepOn")) time.step(1);
          }}
          onChange={(event) => time.go(start + Number(event.target.value))}
          className="h-6 w-full accent-accent"
        />
      </div>
      <p className="tabular shrink-0 text-muted text-xs">
        {rich("{time} of {time2} · {when}", {
          time: <span className="text-ink">{duration(now - start)}</span>,
          time2: duration(end - start),
          when: clock(now),
        })}
        <span className="sr-only"> · {t("{ended, plural, one {# step} other {# steps}}", { ended })}</span>
      </p>
    </section>
  );
}
