import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { revisionQuery, runQuery } from "@/api/queries";
import { t } from "@/lib/text";
import { useFlow, useFlowControl } from "../store";
import type { Marked } from "../surroundings";
import { diff } from "./diff";

const NONE: ReadonlyMap<string, Marked> = new Map();

/** The nodes that were edited after the run on show was started: what the canvas says of them is of their earlier settings. */
export function useSince(id: string, runId: string | undefined): ReadonlyMap<string, Marked> {
  const control = useFlowControl();
  const { data: run } = useQuery({ ...runQuery(runId ?? ""), enabled: false });
  const shown = runId === undefined ? undefined : run;
  const { data: ran } = useQuery({
    ...revisionQuery(id, shown?.revision ?? 0),
    enabled: shown !== undefined,
  });
  const nodes = useFlow((flow) => flow.nodes);
  const [marks, setMarks] = useState(NONE);
  const number = shown?.number;
  const before = shown ? ran?.definition : undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `nodes` say when the definition is another one
  useEffect(() => {
    if (before === undefined) {
      setMarks(NONE);
      return;
    }
    const timer = window.setTimeout(() => {
      const edited = diff(before, control.definition()).nodes.filter(
        ({ mark }) => mark === "added" || mark === "changed",
      );
      const text = (mark: string) =>
        t("{what} since run {number}", { what: mark === "added" ? t("Added") : t("Changed"), number });
      setMarks(
        edited.length
          ? new Map(edited.map(({ id, mark }) => [id, { mark: "since", text: text(mark) }]))
          : NONE,
      );
    }, 150);
    return () => window.clearTimeout(timer);
  }, [control, before, nodes, number]);
  return marks;
}
