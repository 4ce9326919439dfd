export const PROVIDERS = ['github', 'google'] as const;
export type ProviderName = (typeof PROVIDERS)[number];

/** What goes out with a sign-in and is expected back. All three are derived from a secret that one browser's cookie holds. */
export type AttemptSecrets = { state: string; nonce: string; verifier: string };

/** Who somebody is, as the provider says it. */
export type ProviderIdentity = {
  /** For ever the same; e-mail and name may change. */
  accountId: string;
  name: string;
  /** Those that the provider has verified, the main one first; lower-case. */
  emails: string[];
};

export type Provider = {
  name: ProviderName;
  title: string;
  /** Where the browser is sent. @throws SluiceError service.unavailable */
  authorizationUrl(secrets: AttemptSecrets, redirectUri: string): Promise<URL>;
  /**
   * Reads what the browser came back with, trades its code, and asks or reads who it is.
   *
   * @throws whatever is wrong with any of it: none of it is for the person to mend
   */
  identify(answer: URLSearchParams, secrets: AttemptSecrets, redirectUri: string): Promise<ProviderIdentity>;
};
