type Scrolls = { scrollToIndex: (index: number) => void };

/** Scrolls a virtual row into view and focuses it: at once where it is drawn, so that the next key finds it there. */
export function focusRow(virtual: Scrolls, scroller: HTMLElement | null, index: number): void {
  const row = () => scroller?.querySelector<HTMLElement>(`[data-index="${index}"]`);
  virtual.scrollToIndex(index);
  if (row()) row()?.focus({ preventScroll: true });
  else window.requestAnimationFrame(() => row()?.focus());
}
