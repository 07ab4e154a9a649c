import { Activity, Play } from "lucide-react";
import { toastProblem } from "@/api/problem";
import { useCloseBreaker, useMay, useProbe } from "@/api/queries";
import type { Connection } from "@/api/types";
import { Notice } from "@/connecting";
import { plural } from "@/lib/time";
import { Button, Timestamp } from "@/ui";

/** A platform that is out of order, or whose held steps still go on: since when, when it is tested next, what can be done. */
export function Outage({ connection: { id, name, breaker } }: { connection: Connection }) {
  const probe = useProbe(id);
  const close = useCloseBreaker(id);
  const may = useMay("operator");
  const held = `${plural(breaker.held, "step")} held`;
  if (breaker.state === "closed") {
    if (breaker.held === 0) return null;
    return (
      <Notice tone="warning" title="It answers again">
        {held}. They go on at the set pace.
      </Notice>
    );
  }
  return (
    <Notice tone="failed" title="Out of order">
      {breaker.cause && <span className="block break-words">{sentence(breaker.cause)}</span>}
      <span className="block">
        {breaker.since && (
          <>
            Held since <Timestamp at={breaker.since} />,{" "}
          </>
        )}
        {breaker.probeAt ? (
          <>
            next test <Timestamp at={breaker.probeAt} ahead />
          </>
        ) : (
          "being tested now"
        )}
        , {held}.
      </span>
      {may && (
        <span className="mt-2 flex flex-wrap gap-2">
          <Button
            size="sm"
            icon={Activity}
            pending={probe.isPending}
            disabled={breaker.state === "half_open"}
            onClick={() =>
              probe.mutate(undefined, { onError: (error) => toastProblem(error, `${name} is not tested`) })
            }
          >
            Probe now<span className="sr-only"> {name}</span>
          </Button>
          <Button
            size="sm"
            icon={Play}
            pending={close.isPending}
            onClick={() =>
              close.mutate(undefined, { onError: (error) => toastProblem(error, `${name} stays held`) })
            }
          >
            Close by hand<span className="sr-only"> {name}</span>
          </Button>
        </span>
      )}
    </Notice>
  );
}

function sentence(cause: string): string {
  return `${cause.charAt(0).toUpperCase()}${cause.slice(1)}.`;
}
