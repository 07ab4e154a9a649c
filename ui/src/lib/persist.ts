import { useCallback, useState } from "react";

const PREFIX = "baton:";

/** State of the screen itself (a width, an open tab) that survives a reload. Never data of the server. */
export function usePersistent<T>(key: string, initial: T): [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => stored(key, initial));
  const set = useCallback(
    (next: T) => {
      setValue(next);
      try {
        localStorage.setItem(PREFIX + key, JSON.stringify(next));
      } catch {
        // Storage is full or forbidden: the value lives as long as the page.
      }
    },
    [key],
  );
  return [value, set];
}

function stored<T>(key: string, initial: T): T {
  try {
    const text = localStorage.getItem(PREFIX + key);
    return text === null ? initial : (JSON.parse(text) as T);
  } catch {
    return initial;
  }
}
