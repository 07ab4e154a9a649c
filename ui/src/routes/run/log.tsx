import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { ArrowDown, ArrowDownToLine, ArrowUp, Download, WrapText } from "lucide-react";
import { type KeyboardEvent, useMemo, useState } from "react";
import type { Level, LogLine } from "@/api/types";
import { useHotkeys } from "@/lib/hotkeys";
import { usePersistent } from "@/lib/persist";
import { plural } from "@/lib/time";
import { Button, IconButton, SearchInput, Select } from "@/ui";
import { LogLines } from "./log-lines";
import { asText, hits, LEVELS, narrowed, sourcesOf } from "./log-model";

const ANY = "any";
const route = getRouteApi("/runs/$runId");

type Props = { label: string; lines: readonly LogLine[]; file: string };

/** Lines narrowed by source and level, searched, followed and linked to. What is looked at stands in the address. */
export function LogPane({ label, lines, file }: Props) {
  const search = route.useSearch();
  const navigate = useNavigate({ from: "/runs/$runId" });
  const [follow, setFollow] = usePersistent("log:follow", true);
  const [wrap, setWrap] = usePersistent("log:wrap", true);
  const [at, setAt] = useState(0);
  const find = search.find ?? "";
  const level: Level = search.level && search.level in LEVELS ? (search.level as Level) : "debug";
  const sources = useMemo(() => sourcesOf(lines), [lines]);
  const source = sources.some((each) => each.value === search.source) ? (search.source ?? null) : null;
  const shown = useMemo(() => narrowed(lines, source, level), [lines, source, level]);
  const found = useMemo(() => hits(shown, find), [shown, find]);
  const place = found.length ? at % found.length : 0;
  const go = (change: { find?: string; source?: string; level?: string; line?: number }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const step = (by: number) => setAt((place + by + found.length) % Math.max(found.length, 1));
  useHotkeys({ w: () => setWrap(!wrap), f: () => setFollow(!follow) });
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
  return (
    <div className="relative flex h-full min-h-0 flex-col">
      <div className="flex shrink-0 flex-wrap items-center gap-2 border-b px-3 py-1.5">
        <Select
          label="Source"
          className="w-32"
          value={source ?? ANY}
          onChange={(next) => go({ source: next === ANY ? undefined : next, line: undefined })}
          options={[{ value: ANY, label: "All sources" }, ...sources]}
        />
        <Select
          label="Level"
          className="w-32"
          value={level}
          onChange={(next) => go({ level: next === "debug" ? undefined : next, line: undefined })}
          options={[
            { value: "debug", label: "All levels" },
            { value: "info", label: "Info and up" },
            { value: "warning", label: "Warnings and up" },
            { value: "error", label: "Errors" },
          ]}
        />
        {/* biome-ignore lint/a11y/noStaticElementInteractions: the key is of the field inside */}
        <span className="flex items-center gap-1" onKeyDown={onSearchKey}>
          <SearchInput
            label="Search the log"
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
                label="Previous hit"
                disabled={!found.length}
                onClick={() => step(-1)}
              />
              <IconButton
                size="sm"
                icon={ArrowDown}
                label="Next hit"
                disabled={!found.length}
                onClick={() => step(1)}
              />
            </>
          )}
        </span>
        {shown.length < lines.length && (
          <span className="text-muted text-xs" role="status">
            {shown.length} of {plural(lines.length, "line")}
          </span>
        )}
        <span className="ml-auto flex items-center gap-0.5">
          <IconButton
            size="sm"
            icon={WrapText}
            label="Wrap long lines"
            shortcut="w"
            pressed={wrap}
            onClick={() => setWrap(!wrap)}
          />
          <IconButton
            size="sm"
            icon={ArrowDownToLine}
            label="Follow the end"
            shortcut="f"
            pressed={follow}
            onClick={() => (follow ? setFollow(false) : latest())}
          />
          <IconButton
            size="sm"
            icon={Download}
            label="Download these lines"
            disabled={!shown.length}
            onClick={() => save(`${file}.log`, asText(shown))}
          />
        </span>
      </div>
      <LogLines
        label={label}
        lines={shown}
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
          className="absolute right-4 bottom-3 bg-raised shadow-pop"
        >
          Jump to latest
        </Button>
      )}
    </div>
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
