import { type ComponentType, useEffect, useState } from "react";
import { onToastWaiting } from "@/lib/toast";
import { fetchLater } from "@/ui";

/** Where it is said what has become of an action: there once something is to be said, or while nothing else is to be done. */
export function Toasts() {
  const [Region, setRegion] = useState<ComponentType | null>(null);
  useEffect(() => {
    const fetched = () =>
      import("./toast-region").then(
        (found) => setRegion(() => found.ToastRegion),
        () => {}, // asked for again by the next one
      );
    fetchLater(fetched);
    return onToastWaiting(() => void fetched());
  }, []);
  return Region && <Region />;
}
