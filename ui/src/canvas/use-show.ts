import { useReactFlow } from "@xyflow/react";
import { useFlowControl } from "./store";

/** Brings a node into view and gives it the focus, if that is not to stay where it is. */
export function useShow(): (id: string, how?: { focus: boolean }) => void {
  const control = useFlowControl();
  const { setCenter, getZoom } = useReactFlow();
  return (id, { focus } = { focus: true }) => {
    const node = document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(id)}"]`);
    const at = control.store.getState().nodes.find((each) => each.id === id)?.position;
    const pane = document.querySelector(".react-flow")?.getBoundingClientRect();
    const box = node?.getBoundingClientRect();
    const inside =
      box &&
      pane &&
      box.left >= pane.left &&
      box.right <= pane.right &&
      box.top >= pane.top &&
      box.bottom <= pane.bottom;
    if (at && !inside) void setCenter(at.x + 116, at.y + 36, { zoom: Math.max(0.7, getZoom()) });
    if (focus) node?.focus({ preventScroll: true });
  };
}
