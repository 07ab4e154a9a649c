import {
  BaseEdge,
  EdgeLabelRenderer,
  type EdgeProps,
  getSmoothStepPath,
  type Edge as RFEdge,
} from "@xyflow/react";
import { Plus, X } from "lucide-react";
import { createContext, memo, useContext, useState } from "react";
import { t } from "@/lib/text";

export type WireEdge = RFEdge<{ label: string | null; editable: boolean; name: string }, "wire">;

type Hands = { insert: (edge: string) => void; remove: (edge: string) => void };
const Context = createContext<Hands>({ insert: () => {}, remove: () => {} });
export const WireHands = Context.Provider;

const BUTTON =
  "grid size-6 place-items-center rounded-full border border-edge bg-surface text-muted shadow-card hover:text-accent-text";

/** A wire. Under the pointer or selected, it offers to put a node on it and to go. */
export const Wire = memo(function Wire(props: EdgeProps<WireEdge>) {
  const { id, data, selected, markerEnd } = props;
  const hands = useContext(Context);
  const [hovered, setHovered] = useState(false);
  const [path, x, y] = getSmoothStepPath({ ...props, borderRadius: 8 });
  const offers = data?.editable && (hovered || selected);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the Outline does the same by key
    <g onMouseEnter={() => setHovered(true)} onMouseLeave={() => setHovered(false)}>
      <BaseEdge id={id} path={path} markerEnd={markerEnd} interactionWidth={24} />
      {(offers || data?.label) && (
        <EdgeLabelRenderer>
          <div
            className="nodrag nopan pointer-events-auto absolute flex items-center gap-0.5"
            style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}
          >
            {offers ? (
              <>
                <button
                  type="button"
                  tabIndex={-1}
                  aria-label={t("Insert a node on the {name}", { name: data.name })}
                  className={BUTTON}
                  onClick={() => hands.insert(id)}
                >
                  <Plus aria-hidden className="size-3.5" />
                </button>
                <button
                  type="button"
                  tabIndex={-1}
                  aria-label={t("Delete the {name}", { name: data.name })}
                  className={BUTTON}
                  onClick={() => hands.remove(id)}
                >
                  <X aria-hidden className="size-3.5" />
                </button>
              </>
            ) : (
              <span className="tabular rounded-sm bg-ground px-1 text-2xs text-muted">{data?.label}</span>
            )}
          </div>
        </EdgeLabelRenderer>
      )}
    </g>
  );
});
