import { type ReactNode, useEffect, useRef } from "react";
import { createPortal } from "react-dom";

type Props = { label: string; onClose: () => void; children: ReactNode };

/** Something of the page over the whole window. The page behind it can be neither seen nor reached; Escape closes. Keys of the
 * screen go on working, as what is shown is the screen's own. */
export function FullScreen({ label, onClose, children }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const close = useRef(onClose);
  useEffect(() => {
    close.current = onClose;
  });
  useEffect(() => {
    // At the document: wherever the focus is, and before the keys of the screen, which are at the window.
    const pressed = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      event.preventDefault();
      close.current();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
  useEffect(() => {
    const page = document.getElementById("root");
    page?.setAttribute("inert", "");
    box.current?.focus();
    return () => page?.removeAttribute("inert");
  }, []);
  return createPortal(
    <div
      ref={box}
      role="dialog"
      aria-modal
      aria-label={label}
      tabIndex={-1}
      className="fixed inset-0 z-40 flex flex-col bg-surface outline-none"
    >
      {children}
    </div>,
    document.body,
  );
}
