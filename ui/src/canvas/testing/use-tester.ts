import { useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { toastProblem } from "@/api/problem";
import { runQuery, type TestMode, type TestOrigin, useMay, useTest } from "@/api/queries";
import { stored, usePersistent } from "@/lib/persist";
import { randomKey } from "@/lib/random";
import { t } from "@/lib/text";
import { decoration } from "../graph";
import { useFlowControl } from "../store";
import { useSurroundings } from "../surroundings";
import { useTesting } from "./context";
import { usePinning } from "./use-pinning";

const KEPT = (id: string) => `tests:${id}`;

/** Whose outputs tests of this orchestrator reuse: a choice of the person, kept. */
export function useOrigin(): [TestOrigin, (origin: TestOrigin) => void] {
  return usePersistent<TestOrigin>(KEPT(useSurroundings().id), "mine");
}

/** The id of the run on show, if it is a test; else null. */
export function useTestOnShow(): string | null {
  const { runId } = useSurroundings();
  const { data: kind } = useQuery({
    ...runQuery(runId ?? ""),
    enabled: false,
    select: (run) => run.trigger.kind,
  });
  return kind === "test" ? runId : null;
}

/** Starts tests, one at a time: saves the drawing, starts, and shows the run. */
export function useTester() {
  const { id } = useSurroundings();
  const testing = useTesting();
  const test = useTest(id);
  const [busy, setBusy] = useState<TestMode | null>(null);
  const started = useRef(false);

  const start = async (nodeId: string, mode: TestMode) => {
    if (started.current || testing === null) return;
    started.current = true;
    setBusy(mode);
    try {
      if (!(await testing.save())) return;
      const source = stored<TestOrigin>(KEPT(id), "mine");
      const run = await test.mutateAsync({ nodeId, mode, source, key: randomKey() });
      testing.onStarted(run.id);
    } catch (error) {
      toastProblem(error, t("The test was not started"));
    } finally {
      started.current = false;
      setBusy(null);
    }
  };
  return { start, busy };
}

/** What the keys of the canvas do for tests: with the one node that is selected, else with the `open` one. */
export function useTestActions(open: string | undefined): { test?: () => void; pin?: () => void } {
  const control = useFlowControl();
  const { editable } = useSurroundings();
  const may = useMay("operator");
  const { start } = useTester();
  const { toggle } = usePinning();
  const chosen = () => {
    const { nodes, selection } = control.store.getState();
    const [id] = selection.nodes.size === 1 ? selection.nodes : [open];
    const step = nodes.find((node) => node.id === id);
    return step && !decoration(step) ? step : undefined;
  };
  return {
    ...(may && {
      test: () => {
        const step = chosen();
        if (step) void start(step.id, "node");
      },
    }),
    ...(editable && {
      pin: () => {
        const step = chosen();
        if (step) void toggle(step);
      },
    }),
  };
}
