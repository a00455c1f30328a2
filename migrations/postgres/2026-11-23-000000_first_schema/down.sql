DROP TABLE login_sessions;
DROP TABLE config_secrets;
DROP TABLE llm_providers;
