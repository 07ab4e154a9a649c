import { useInfiniteQuery } from "@tanstack/react-query";
import { useReactFlow } from "@xyflow/react";
import { MessageSquare, X } from "lucide-react";
import { threadsQuery, useMay } from "@/api/queries";
import type { Thread } from "@/api/types";
import { t } from "@/lib/text";
import { Button, Checkbox, EmptyState, IconButton, Loaded, Panel, Segmented } from "@/ui";
import type { Place } from "../frame";
import { labelOf } from "../graph";
import { useFlow, useFlowControl } from "../store";
import { useSurroundings } from "../surroundings";
import { useNarrow } from "../use-narrow";
import { useShow } from "../use-show";
import { Composer } from "./composer";
import { ThreadItem } from "./thread";

type Props = { place: Place; onPlace: (place: Place) => void };

/** Comments on the drawing: what is open or resolved, one's own, those of a node. */
export function CommentsPanel({ place, onPlace }: Props) {
  const { id } = useSurroundings();
  const control = useFlowControl();
  const narrow = useNarrow();
  const may = useMay("operator");
  const show = useShow();
  const { setCenter, getZoom } = useReactFlow();
  const state = place.threads === "resolved" ? "resolved" : "open";
  const query = useInfiniteQuery(
    threadsQuery(id, {
      state,
      ...(place.mine && { mine: true }),
      ...(place.about !== undefined && { nodeId: place.about }),
    }),
  );
  const about = useFlow((flow) => flow.nodes.find((node) => node.id === place.about));
  const go = (thread: Thread) => {
    // Under a sheet nothing could be seen.
    onPlace({ ...place, thread: thread.id, ...(narrow && { panel: undefined }) });
    if (thread.nodeId !== null) {
      control.select([thread.nodeId]);
      const { nodeId } = thread;
      window.setTimeout(() => show(nodeId));
    } else if (thread.spot) {
      void setCenter(thread.spot.x, thread.spot.y, { zoom: Math.max(0.7, getZoom()) });
    }
  };
  return (
    <Panel
      id="canvas-comments"
      title={t("Comments")}
      side="left"
      width={340}
      onClose={() =>
        onPlace({
          ...place,
          panel: undefined,
          about: undefined,
          thread: undefined,
        })
      }
      full={narrow}
    >
      {may && <Composer about={place.about} focused={place.thread === undefined && !narrow} />}
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2 px-4 py-3">
        <Segmented
          label={t("Which threads")}
          value={state}
          onChange={(next) => onPlace({ ...place, threads: next === "open" ? undefined : next })}
          options={[
            { value: "open", label: t("Open") },
            { value: "resolved", label: t("Resolved") },
          ]}
        />
        <Checkbox
          label={t("Mine")}
          checked={place.mine === true}
          onCheckedChange={(mine) => onPlace({ ...place, mine: mine === true ? true : undefined })}
        />
        {place.about !== undefined && (
          <span className="flex min-w-0 items-center gap-1 rounded-md bg-sunken pl-2 text-xs">
            <span className="truncate">{about ? labelOf(about) : t("A node that is gone")}</span>
            <IconButton
              size="sm"
              icon={X}
              label={t("Comments on every node")}
              className="size-6"
              onClick={() => onPlace({ ...place, about: undefined })}
            />
          </span>
        )}
      </div>
      <Loaded query={query} title={t("The comments cannot be shown")}>
        {({ pages }) => {
          const threads = pages.flatMap((page) => page.items);
          if (threads.length === 0)
            return <Nothing state={state} narrowed={place.mine || place.about !== undefined} may={may} />;
          return (
            <>
              <div className="border-t">
                {threads.map((thread) => (
                  <ThreadItem
                    key={thread.id}
                    thread={thread}
                    shown={thread.id === place.thread}
                    onGo={() => go(thread)}
                  />
                ))}
              </div>
              {query.hasNextPage && (
                <div className="p-4">
                  <Button
                    size="sm"
                    pending={query.isFetchingNextPage}
                    onClick={() => void query.fetchNextPage()}
                  >
                    {t("Older threads")}
                  </Button>
                </div>
              )}
            </>
          );
        }}
      </Loaded>
    </Panel>
  );
}

type NothingProps = { state: "open" | "resolved"; narrowed: boolean | undefined; may: boolean };

function Nothing({ state, narrowed, may }: NothingProps) {
  if (narrowed) return <EmptyState icon={MessageSquare} title={t("No thread fits")} className="py-8" />;
  if (state === "resolved")
    return <EmptyState icon={MessageSquare} title={t("Nothing resolved yet")} className="py-8" />;
  return (
    <EmptyState icon={MessageSquare} title={t("No open comments")} className="py-8">
      {may
        ? t(
            "Select a node and write what you want to say about it. Everybody who opens this drawing sees it.",
          )
        : t("Your role reads comments. Operators and editors write them.")}
    </EmptyState>
  );
}
