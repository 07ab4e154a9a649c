import { describe, expect, it } from "vitest";
import { spoken } from "./spoken";

const PROVIDERS = [
  { name: "airflow", title: "Airflow" },
  { name: "n8n", title: "n8n" },
];

describe("spoken", () => {
  it("takes words as they are", () => {
    expect(spoken(" new  lead ", PROVIDERS)).toEqual({ words: "new lead", provider: null, remote: false });
    expect(spoken("", PROVIDERS)).toEqual({ words: "", provider: null, remote: false });
  });

  it("takes the platform out of the words, wherever it stands", () => {
    const leads = { words: "lead", provider: "n8n", remote: true };
    expect(spoken("@n8n lead", PROVIDERS)).toEqual(leads);
    expect(spoken("lead @N8", PROVIDERS)).toEqual(leads);
    expect(spoken("@air", PROVIDERS)).toEqual({ words: "", provider: "airflow", remote: true });
  });

  it("tells all platforms from one that there is not", () => {
    expect(spoken("@ lead", PROVIDERS)).toEqual({ words: "lead", provider: null, remote: true });
    expect(spoken("@zap", PROVIDERS)).toEqual({ words: "", provider: undefined, remote: true });
  });
});
