import { useQueryClient } from "@tanstack/react-query";
import { toastProblem } from "@/api/problem";
import { runQuery, sampleQuery } from "@/api/queries";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { labelOf, type Step } from "../graph";
import { useFlowControl } from "../store";
import { useSurroundings } from "../surroundings";
import { pin, pinned, unpin } from "./pins";

/** Pins the last output of a step: of the run on show, else of the newest run that has one. */
export function usePinning() {
  const { id, runId } = useSurroundings();
  const control = useFlowControl();
  const client = useQueryClient();

  /** The output in an object of its own; null where there is none, or it is too large to be fetched whole. */
  const last = async (step: Step): Promise<{ output: unknown } | null> => {
    const run = runId === null ? undefined : client.getQueryData(runQuery(runId).queryKey);
    const shown = run?.nodes.find((node) => node.id === step.id);
    if (shown?.status === "COMPLETED" && shown.output !== undefined) return { output: shown.output };
    const sample = await client.fetchQuery({
      ...sampleQuery(id, step.id, `pin ${runId ?? ""}`, control.definition),
      staleTime: 0,
    });
    return sample.last?.status === "COMPLETED" && !sample.shortened ? { output: sample.last.output } : null;
  };
  const toggle = async (step: Step) => {
    if (pinned(step)) {
      unpin(control, step);
      toast(t("The output of {step} is not pinned any more", { step: labelOf(step) }));
      return;
    }
    try {
      const found = await last(step);
      if (found === null) {
        toast(t("{step} has no output to pin yet", { step: labelOf(step) }), {
          description: t("Test the step, or write its output by hand: “Pin the output” in its panel."),
        });
        return;
      }
      pin(control, step, found.output);
      toast(t("The output of {step} is pinned", { step: labelOf(step) }), {
        description: t("Tests use it; real runs do not."),
      });
    } catch (error) {
      toastProblem(error, t("The output was not pinned"));
    }
  };
  return { toggle };
}
