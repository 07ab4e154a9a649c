import { Activity, Play } from "lucide-react";
import { toastProblem } from "@/api/problem";
import { useCloseBreaker, useMay, useProbe } from "@/api/queries";
import type { Connection } from "@/api/types";
import { Notice } from "@/connecting";
import { rich, t } from "@/lib/text";
import { Button, Timestamp } from "@/ui";

/** A platform that is out of order, or whose held steps still go on: since when, when it is tested next, what can be done. */
export function Outage({ connection: { id, name, breaker } }: { connection: Connection }) {
  const probe = useProbe(id);
  const close = useCloseBreaker(id);
  const may = useMay("operator");
  const held = t("{held, plural, one {# step} other {# steps}} held", { held: breaker.held });
  if (breaker.state === "closed") {
    if (breaker.held === 0) return null;
    return (
      <Notice tone="warning" title={t("It answers again")}>
        {t("{held}. They go on at the set pace.", { held })}
      </Notice>
    );
  }
  return (
    <Notice tone="failed" title={t("Out of order")}>
      {breaker.cause && <span className="block break-words">{sentence(breaker.cause)}</span>}
      <span className="block">
        {breaker.since && <>{rich("Held since {when},", { when: <Timestamp at={breaker.since} /> })} </>}
        {breaker.probeAt
          ? rich("next test {when}", { when: <Timestamp at={breaker.probeAt} ahead /> })
          : t("being tested now")}
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
              probe.mutate(undefined, {
                onError: (error) => toastProblem(error, t("{name} is not tested", { name })),
              })
            }
          >
            {t("Probe now")}
            <span className="sr-only"> {name}</span>
          </Button>
          <Button
            size="sm"
            icon={Play}
            pending={close.isPending}
            onClick={() =>
              close.mutate(undefined, {
                onError: (error) => toastProblem(error, t("{name} stays held", { name })),
              })
            }
          >
            {t("Close by hand")}
            <span className="sr-only"> {name}</span>
          </Button>
        </span>
      )}
    </Notice>
  );
}

function sentence(cause: string): string {
  return `${cause.charAt(0).toUpperCase()}${cause.slice(1)}.`;
}
