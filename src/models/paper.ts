// What the paper asks of LLaVA-1.5 and reads of it, which models that it does not treat are asked and read too.

export const instruct = (question: string): string =>
  `${question} Answer the question using a single word or phrase.`

/** The paper reads layer 14 of LLaVA-1.5-7B's 32; other depths get the layer at the same share of the way. */
export const layersOfPaper = (depth: number): number[] => [Math.floor((depth * 14) / 32)]
