import { useQuery } from "@tanstack/react-query";
import { ChevronDown, ChevronUp } from "lucide-react";
import { runQuery } from "@/api/queries";
import type { LogLine } from "@/api/types";
import { cn } from "@/lib/cn";
import { usePersistent } from "@/lib/persist";
import { t } from "@/lib/text";
import { IconButton, ResizeHandle } from "@/ui";
import type { Place } from "../frame";
import { CallbacksTab, DataTab, LogTab, ProblemsTab } from "../later";
import { useSurroundings } from "../surroundings";

const TABS = ["log", "problems", "data", "callbacks"] as const;
type Tab = (typeof TABS)[number];
const NAMES: Record<Tab, string> = {
  log: t("Run log"),
  problems: t("Problems"),
  data: t("Data"),
  callbacks: t("Callbacks"),
};

type Props = {
  place: Place;
  onPlace: (place: Place) => void;
  lines: readonly LogLine[];
  /** Given, the drawing can be edited and has problems. */
  onProblem?: (nodeId: string, field: string | null) => void;
};

/** Under the canvas: a bar of 32 pixels, or open. Which tab stands in the address, the height stays in the browser. */
export function Drawer({ place, onPlace, lines, onProblem }: Props) {
  const [height, setHeight] = usePersistent("canvas:drawer", 280);
  const { problems } = useSurroundings();
  const tabs = TABS.filter((tab) => tab !== "problems" || onProblem !== undefined);
  const open = tabs.find((tab) => tab === place.drawer);
  const choose = (tab: Tab | undefined) => onPlace({ ...place, drawer: tab });
  const { data: run } = useQuery({ ...runQuery(place.run ?? ""), enabled: place.run !== undefined });
  const counts: Partial<Record<Tab, number>> = {
    log: lines.length,
    problems: problems.length,
    callbacks: run?.waiting.filter(({ kind }) => kind === "callback").length,
  };
  return (
    <section
      aria-label={t("Drawer")}
      style={open ? { height } : undefined}
      className="relative flex max-h-[70%] shrink-0 flex-col border-t bg-surface"
    >
      {open && (
        <ResizeHandle
          side="bottom"
          size={height}
          min={120}
          max={640}
          onSize={setHeight}
          label={t("Height of the drawer")}
        />
      )}
      <div className="flex h-8 shrink-0 items-center gap-1 px-2">
        {tabs.map((tab) => (
          <button
            key={tab}
            type="button"
            aria-expanded={tab === open}
            onClick={() => choose(tab === open ? undefined : tab)}
            className={cn(
              "flex h-7 items-center gap-1.5 rounded-md px-2 text-muted text-xs hover:bg-hover hover:text-ink",
              tab === open && "bg-pressed font-medium text-ink",
            )}
          >
            {NAMES[tab]}
            {Boolean(counts[tab]) && (
              <span className="tabular rounded-full bg-sunken px-1.5 text-2xs text-muted">{counts[tab]}</span>
            )}
          </button>
        ))}
        <span className="flex-1" />
        <IconButton
          size="sm"
          side="top"
          label={open ? t("Close the drawer") : t("Open the drawer")}
          icon={open ? ChevronDown : ChevronUp}
          onClick={() => choose(open ? undefined : "log")}
        />
      </div>
      {open && (
        <div className="min-h-0 flex-1 border-t">
          {open === "log" && (
            <LogTab
              run={place.run === undefined ? null : (run ?? null)}
              lines={lines}
              {...{ place, onPlace }}
            />
          )}
          {open === "problems" && onProblem && <ProblemsTab onOpen={onProblem} />}
          {open === "data" && <DataTab nodeId={place.node} />}
          {open === "callbacks" &&
            (place.run === undefined ? (
              <p className="p-4 text-muted text-sm">
                {t("No run is on show. Press Run, or open one from its history.")}
              </p>
            ) : (
              <div className="h-full overflow-y-auto">
                <h2 className="sr-only">{t("Callbacks")}</h2>
                <CallbacksTab runId={place.run} />
              </div>
            ))}
        </div>
      )}
    </section>
  );
}
