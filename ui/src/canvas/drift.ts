import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { driftQuery } from "@/api/queries";
import type { Drift, Imported } from "@/api/types";
import type { Step } from "./graph";
import { useFlow } from "./store";
import { useSurroundings } from "./surroundings";

/** What the drawing keeps of the import; anything may stand there. */
export function importedOf(step: Step): Imported | null {
  const kept: unknown = "imported" in step.data ? step.data.imported : null;
  if (step.type !== "RemoteWebhook" || typeof kept !== "object" || kept === null) return null;
  const { fingerprint, at } = kept as Partial<Imported>;
  return typeof fingerprint === "string" && typeof at === "string" ? (kept as Imported) : null;
}

/** Whether the remote workflow of a step is still what was imported. `known` is what the server says of this very import: one
 * that is not saved yet is compared with nothing. */
export function useDrift(step: Step) {
  const { data, isFetching } = useDrifts(step.type === "RemoteWebhook");
  const kept = importedOf(step);
  const drift = data?.find((each) => each.nodeId === step.id);
  const known = kept && drift?.importedAt === kept.at ? drift : undefined;
  return { kept, drift, known, isFetching };
}

/** The steps whose remote workflow has changed since: one question for the whole drawing, and no card waits for it. */
export function useDrifted(steps: readonly Step[]): ReadonlySet<string> {
  const { data } = useDrifts(steps.some((step) => importedOf(step) !== null));
  return useMemo(() => {
    const changed = new Map<string, Drift>();
    for (const each of data ?? []) if (each.changed) changed.set(each.nodeId, each);
    const old = steps.filter((step) => {
      const found = changed.get(step.id);
      return found !== undefined && found.importedAt === importedOf(step)?.at;
    });
    return new Set(old.map((step) => step.id));
  }, [data, steps]);
}

function useDrifts(enabled: boolean) {
  const { id } = useSurroundings();
  const revision = useFlow((flow) => flow.revision);
  return useQuery({ ...driftQuery(id, revision), enabled: enabled && id !== "" });
}
