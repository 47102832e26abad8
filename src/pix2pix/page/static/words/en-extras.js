/** Texts in English of what goes beyond drawing: sharing, the galleries, stamps, the webcam, the model's facts. */
export default {
  postcard: "Drawing and result as one picture",
  postcard_title: "Drawing and result as one picture",
  postcard_label: "The drawing, an arrow, and the result of {model}",
  postcard_name: "Title (may stay empty)",
  postcard_save: "Save",
  postcard_copy: "Copy",
  postcard_share: "Share…",
  error_share: "The system did not take the file. Save it and send it from there.",

  examples: "Known pairs",
  example_number: "Known pair {number}",
  models_title: "Choose a model",

  about: "About this model",
  about_drawn: "Translates",
  about_size: "Trained at",
  about_pairs: "Learned from pairs",
  about_seen: "Images seen",
  about_started: "Started from",
  about_imported: "Imported from",
  about_scores: "Scores",
  about_weights: "Weights",
  about_millions: "{millions} million",
  about_licence: "Licence of its pictures",
  about_no_licence: "not stated",
};
