{% set head %}{% include "training_head.html" %}{% endset %}
{% set latest %}{% include "training_scores.html" %}{% endset %}
showRun({
  state: {{ state|tojson }},
  refreshSeconds: {{ refresh_seconds }},
  parts: { head: {{ head|tojson }}, scores: {{ latest|tojson }} },
  previews: {{ previews.values()|list|tojson }},
  figures: {{ figures|tojson }},
});
