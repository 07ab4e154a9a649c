import {
  ArrowDown,
  ArrowDownToLine,
  ArrowUp,
  Download,
  Maximize2,
  Minimize2,
  Timer,
  WrapText,
} from "lucide-react";
import { type KeyboardEvent, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import type { Level, LogLine } from "@/api/types";
import { cn } from "@/lib/cn";
import { named, typing } from "@/lib/hotkeys";
import { usePersistent } from "@/lib/persist";
import { idsOf, keyOf, useShortcuts } from "@/lib/shortcuts";
import { t } from "@/lib/text";
import { Button, FullScreen, IconButton, SearchInput, Select } from "@/ui";
import { LogLines, type Steps } from "./lines";
import { asText, hits, LEVELS, narrowed, sourcesOf } from "./model";

const ANY = "any";

/** What of a log stands in the address. `full`: it has the whole window. */
export type LogPlace = { find?: string; source?: string; level?: string; line?: number; full?: boolean };

type Props = {
  label: string;
  lines: readonly LogLine[];
  /** Given, what is masked in a line can be revealed. */
  runId?: string;
  /** Name of the file it is downloaded as, without an ending. */
  file: string;
  /** When the run began: times can be counted from it. */
  begin: string | null;
  place: LogPlace;
  onPlace: (change: LogPlace) => void;
  steps?: Steps;
  /** Under the lines: where there are more. */
  foot?: ReactNode;
};

/** Lines narrowed by source and level, searched, followed and linked to, in their place or over the whole window. */
export function LogPane({
  label,
  lines,
  runId,
  file,
  begin,
  place: search,
  onPlace: go,
  steps,
  foot,
}: Props) {
  const [follow, setFollow] = usePersistent("log:follow", true);
  const [wrap, setWrap] = usePersistent("log:wrap", true);
  const [elapsed, setElapsed] = usePersistent("log:elapsed", false);
  const [at, setAt] = useState(0);
  const find = search.find ?? "";
  const level: Level = search.level && search.level in LEVELS ? (search.level as Level) : "debug";
  const sources = useMemo(() => sourcesOf(lines), [lines]);
  const source = sources.some((each) => each.value === search.source) ? (search.source ?? null) : null;
  const shown = useMemo(() => narrowed(lines, source, level), [lines, source, level]);
  const found = useMemo(() => hits(shown, find), [shown, find]);
  const place = found.length ? at % found.length : 0;
  const full = search.full === true;
  const resize = useRef<HTMLButtonElement>(null);
  const was = useRef(full);
  useEffect(() => {
    // The button that was pressed is another one now, and gets the focus back.
    if (was.current && !full) resize.current?.focus();
    was.current = full;
  }, [full]);
  const step = (by: number) => setAt((place + by + found.length) % Math.max(found.length, 1));
  useShortcuts({ wrap: () => setWrap(!wrap), follow: () => setFollow(!follow) });
  const onKey = (event: KeyboardEvent) => {
    if (typing(event.target) || !found.length) return;
    const ids = idsOf(named(event.nativeEvent));
    const by = ids.includes("nextHit") ? 1 : ids.includes("previousHit") ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    event.stopPropagation();
    step(by);
  };
  const onSearchKey = (event: KeyboardEvent) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    step(event.shiftKey ? -1 : 1);
  };
  const leave = () => {
    if (follow) setFollow(false);
  };
  const latest = () => {
    go({ line: undefined, find: undefined });
    setFollow(true);
  };
  const pane = (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys of what is inside
    <div className="relative flex h-full min-h-0 flex-col" onKeyDown={onKey}>
      <div className="flex shrink-0 flex-wrap items-center gap-2 border-b px-3 py-1.5">
        <Select
          label={t("Source")}
          className="w-32"
          value={source ?? ANY}
          onChange={(next) => go({ source: next === ANY ? undefined : next, line: undefined })}
          options={[{ value: ANY, label: t("All sources") }, ...sources]}
        />
        <Select
          label={t("Level")}
          className="w-32"
          value={level}
          onChange={(next) => go({ level: next === "debug" ? undefined : next, line: undefined })}
          options={[
            { value: "debug", label: t("All levels") },
            { value: "info", label: t("Info and up") },
            { value: "warning", label: t("Warnings and up") },
            { value: "error", label: t("Errors") },
          ]}
        />
        {/* biome-ignore lint/a11y/noStaticElementInteractions: the key is of the field inside */}
        <span className="flex items-center gap-1" onKeyDown={onSearchKey}>
          <SearchInput
            label={t("Search the log")}
            className="w-44"
            value={find}
            onChange={(next) => {
              setAt(0);
              go({ find: next || undefined });
            }}
          />
          {find && (
            <>
              <span role="status" className="tabular min-w-10 text-center text-muted text-xs">
                {found.length ? `${place + 1}/${found.length}` : "0/0"}
              </span>
              <IconButton
                size="sm"
                icon={ArrowUp}
                label={t("Previous hit")}
                shortcut={keyOf("previousHit")}
                disabled={!found.length}
                onClick={() => step(-1)}
              />
              <IconButton
                size="sm"
                icon={ArrowDown}
                label={t("Next hit")}
                shortcut={keyOf("nextHit")}
                disabled={!found.length}
                onClick={() => step(1)}
              />
            </>
          )}
        </span>
        {shown.length < lines.length && (
          <span className="text-muted text-xs" role="status">
            {t("{shown} of {lines, plural, one {# line} other {# lines}}", {
              shown: shown.length,
              lines: lines.length,
            })}
          </span>
        )}
        <span className="ml-auto flex items-center gap-0.5">
          {begin !== null && (
            <IconButton
              size="sm"
              icon={Timer}
              label={t("Times since the start")}
              pressed={elapsed}
              onClick={() => setElapsed(!elapsed)}
            />
          )}
          <IconButton
            size="sm"
            icon={WrapText}
            label={t("Wrap long lines")}
            shortcut={keyOf("wrap")}
            pressed={wrap}
            onClick={() => setWrap(!wrap)}
          />
          <IconButton
            size="sm"
            icon={ArrowDownToLine}
            label={t("Follow the end")}
            shortcut={keyOf("follow")}
            pressed={follow}
            onClick={() => (follow ? setFollow(false) : latest())}
          />
          <IconButton
            size="sm"
            icon={Download}
            label={t("Download these lines")}
            disabled={!shown.length}
            onClick={() => save(`${file}.log`, asText(shown))}
          />
          <IconButton
            ref={resize}
            size="sm"
            icon={full ? Minimize2 : Maximize2}
            label={full ? t("Leave full screen") : t("Full screen")}
            onClick={() => go({ full: full ? undefined : true })}
          />
        </span>
      </div>
      <LogLines
        runId={runId}
        label={label}
        lines={shown}
        since={elapsed && begin !== null ? Date.parse(begin) : null}
        steps={steps}
        query={find}
        hit={found[place] ?? null}
        line={search.line ?? null}
        onLine={(seq) => go({ line: seq ?? undefined })}
        follow={follow}
        wrap={wrap}
        onLeave={leave}
      />
      {!follow && shown.length > 20 && (
        <Button
          size="sm"
          icon={ArrowDownToLine}
          onClick={latest}
          className={cn("absolute right-4 bg-raised shadow-pop", foot ? "bottom-11" : "bottom-3")}
        >
          {t("Jump to latest")}
        </Button>
      )}
      {foot && (
        <p className="flex shrink-0 flex-wrap items-center gap-x-2 border-t px-3 py-1 text-muted text-xs">
          {foot}
        </p>
      )}
    </div>
  );
  if (!full) return pane;
  return (
    <FullScreen label={label} onClose={() => go({ full: undefined })}>
      {pane}
    </FullScreen>
  );
}

function save(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
