import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { followDrawing } from "@/api/drawing-events";
import { useFlowControl } from "../store";

/** As long as this is on the page, the drawing is open here: for the others too. */
export function Live({ id }: { id: string }) {
  const client = useQueryClient();
  const control = useFlowControl();
  useEffect(() => {
    const drawing = followDrawing(client, id);
    const told = () => drawing.select([...control.store.getState().selection.nodes]);
    told();
    const heard = control.store.subscribe((now, before) => now.selection !== before.selection && told());
    return () => {
      heard();
      drawing.stop();
    };
  }, [client, control, id]);
  return null;
}
