import { useCallback, useState } from "react";

const PREFIX = "baton:";

/** State of the screen itself (a width, an open tab) that survives a reload. Never data of the server. */
export function usePersistent<T>(key: string, initial: T): [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => stored(key, initial));
  const set = useCallback(
    (next: T) => {
      setValue(next);
      keep(key, next); // where it cannot be kept, the value lives as long as the page
    },
    [key],
  );
  return [value, set];
}

/** What was kept under `key`, else `initial`. */
export function stored<T>(key: string, initial: T): T {
  try {
    const text = localStorage.getItem(PREFIX + key);
    return text === null ? initial : (JSON.parse(text) as T);
  } catch {
    return initial;
  }
}

/** False: storage is full or forbidden. */
export function keep(key: string, value: unknown): boolean {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

export function forget(key: string): void {
  try {
    localStorage.removeItem(PREFIX + key);
  } catch {
    // Forbidden: then nothing was kept either.
  }
}
