import { useStore } from "zustand";
import type { OrchestratorDetail } from "@/api/types";
import type { Place } from "../frame";
import { dirty, type FlowControl } from "../store";
import { useUnpublish } from "../use-unpublish";
import { VersionsPanel } from "./panel";
import { useRestore } from "./restore";

type Props = {
  found: OrchestratorDetail;
  /** The open drawing, whatever is on show. */
  control: FlowControl;
  place: Place;
  onPlace: (place: Place) => void;
  /** The revision on show. */
  shown: number;
};

/** The versions beside whatever is on show: each leads to itself, to its comparison, and back. */
export function VersionsSide({ found, control, place, onPlace, shown }: Props) {
  const changed = useStore(control.store, dirty);
  const go = (next: Pick<Place, "revision" | "compare">) =>
    onPlace({ ...place, run: undefined, node: undefined, revision: undefined, compare: undefined, ...next });
  const taking = useUnpublish(found);
  const restoring = useRestore(found, control, () => go({}));
  return (
    <>
      <VersionsPanel
        id={found.id}
        current={found.revision}
        published={found.publishedRevision}
        shown={shown}
        dirty={changed}
        restoring={restoring}
        taking={taking}
        onOpen={(chosen) => {
          if (chosen !== shown || place.run !== undefined)
            go({ revision: chosen === found.revision ? undefined : chosen });
        }}
        onCompare={(chosen) =>
          go(typeof chosen === "string" ? { compare: chosen } : { compare: "current", revision: chosen })
        }
        onClose={() => onPlace({ ...place, panel: undefined })}
      />
      {restoring.dialog}
    </>
  );
}
