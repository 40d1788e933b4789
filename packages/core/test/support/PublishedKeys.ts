// A key set with a key for RS256, for providers in tests that sign nothing.
export const publishedKeys = {
  keys: [
    {
      kty: "RSA",
      e: "AQAB",
      n: "qAyNcsLCRpEltkoFgLq7i5OPqccCQ8_pYtuYG-lXTryOWq8ko7Dks0mlEAowiNV37IopmsIwm0zSZx9tESbHzpjF4a-ZxAJpBrtUR012mEoRgBeVEe9vsc-Pk2LF2LIKsrH39LXpOscf3aL9Ufhmqex0lcsTSwQWgP6FbL6qc4dEAZV6qmM9hXIiSuY05utz5BOQ3HVTwK5u9WW24njTUU5DGbvRR2QD4kmK7Xp6VjABL7UOHzfKlDmv5WkD49J5hCaH1VLxLfrXQ6NfcwI-xxiflU71OH5Dzoa8P342tFXtVbKnSuj95mFjwQ1hef-9UQBDiJ-jbC_X__NWQRuSNw"
    }
  ]
}
