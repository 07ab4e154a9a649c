import { createContext, useContext } from "react";

type Testing = {
  /** Saves what is drawn, if it is not saved. False: it could not. */
  save: () => Promise<boolean>;
  /** The test has begun: show its run over the drawing. */
  onStarted: (runId: string) => void;
};

const Context = createContext<Testing | null>(null);

export const TestingProvider = Context.Provider;

/** How the screen saves and follows; null where nothing can be tested. */
export function useTesting(): Testing | null {
  return useContext(Context);
}
